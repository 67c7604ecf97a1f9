"""The index tables of search: plain tables, filled by COPY, without keys of their own."""

from django.db import migrations

SQL = """
create table fhir_token (resource_id bigint not null, param integer not null, part integer not null,
    system bigint not null, code text not null, text text);
create index fhir_token_value on fhir_token (param, code, system, resource_id);
create index fhir_token_of on fhir_token (resource_id);
create statistics fhir_token_pairs (mcv, ndistinct) on param, code from fhir_token;

create table fhir_reference (resource_id bigint not null, param integer not null, target text not null);
create index fhir_reference_value on fhir_reference (target, param, resource_id);
create index fhir_reference_of on fhir_reference (resource_id);

create table fhir_string (resource_id bigint not null, param integer not null, value text not null, exact text not null);
create index fhir_string_value on fhir_string (param, value text_pattern_ops, resource_id);
create index fhir_string_of on fhir_string (resource_id);

create table fhir_date (resource_id bigint not null, param integer not null, low bigint not null, high bigint not null);
create index fhir_date_value on fhir_date (param, low, high, resource_id);
create index fhir_date_of on fhir_date (resource_id);

create table fhir_quantity (resource_id bigint not null, param integer not null, part integer not null,
    system bigint not null, code text not null, unit text not null, low double precision not null,
    high double precision not null);
create index fhir_quantity_value on fhir_quantity (param, low, high, resource_id);
create index fhir_quantity_of on fhir_quantity (resource_id);

create table fhir_uri (resource_id bigint not null, param integer not null, uri text not null);
create index fhir_uri_value on fhir_uri (param, uri text_pattern_ops, resource_id);
create index fhir_uri_of on fhir_uri (resource_id);

comment on column fhir_token.param is 'number of Type.code, see indexing/values.py';
comment on column fhir_token.part is 'place of the outermost list element, so that composites are of one part';
comment on column fhir_date.low is 'microseconds since 1970-01-01T00:00Z';
do $$ begin
    alter table fhir_resource alter column body set compression lz4;
    alter table fhir_version alter column body set compression lz4;
exception when feature_not_supported then null;  -- this server was built without lz4: its own compression serves
end $$;
"""
BACK = "drop table fhir_token, fhir_reference, fhir_string, fhir_date, fhir_quantity, fhir_uri;"


class Migration(migrations.Migration):
    """Six tables."""

    dependencies = [("fhir", "0001_initial")]
    operations = [migrations.RunSQL(SQL, BACK)]
