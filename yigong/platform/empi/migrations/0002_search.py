"""What Django's models do not say: blocks, indexes of search, and a log that cannot be rewritten."""

from django.db import migrations

FORWARD = """
create extension if not exists pg_trgm;

create table empi_block (
    rule smallint not null,
    key bigint not null,
    registration_id bigint not null,
    primary key (key, rule, registration_id)
);
create index empi_block_registration on empi_block (registration_id);

create index empi_registration_name on empi_registration using gin (full_name gin_trgm_ops);
create index empi_registration_pinyin on empi_registration using gin (name_key gin_trgm_ops);
create index empi_registration_name_exact on empi_registration (full_name text_pattern_ops);
create index empi_registration_pinyin_exact on empi_registration (name_key text_pattern_ops);
create index empi_registration_initials on empi_registration (name_initials text_pattern_ops);
create index empi_registration_id_no on empi_registration (id_no text_pattern_ops);
create index empi_registration_trusted on empi_registration (id_no) where id_trust = 'trusted';
create index empi_registration_id_tail on empi_registration (reverse(id_no) text_pattern_ops);
create index empi_registration_phone on empi_registration (phone text_pattern_ops);
create index empi_registration_phone_tail on empi_registration (reverse(phone) text_pattern_ops);
create index empi_registration_health_card on empi_registration (health_card_no text_pattern_ops);
create index empi_registration_edges on empi_registration ((left(full_name, 1) || right(full_name, 1)));
create index empi_registration_given on empi_registration (right(full_name, 2)) where length(full_name) > 2;
create index empi_registration_address on empi_registration using gin (address gin_trgm_ops);
create index empi_registration_village on empi_registration (village_code);

create index empi_decision_undoes on empi_decision (undoes) where undoes is not null;
create index empi_candidate_right on empi_candidate (right_id);

create function empi_decision_stands() returns trigger language plpgsql as $$
begin
    raise exception 'empi_decision is append only: undo a decision by a new one';
end $$;
create trigger empi_decision_stands before update or delete on empi_decision
    for each row execute function empi_decision_stands();
"""

BACKWARD = """
drop trigger empi_decision_stands on empi_decision;
drop function empi_decision_stands();
drop table empi_block;
"""


class Migration(migrations.Migration):
    dependencies = [("empi", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
