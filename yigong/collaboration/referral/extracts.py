"""What referral lends to the warehouse: cases without names."""

EXTRACTS = {
    "referral": """
        select f.case_no, r.person_id, f.direction, f.urgency, f.state, f.from_org as org_code, f.to_org, f.sent_at,
               f.reply_due_at, f.replied_at, f.arrived_at, f.closed_at
        from referral_referral f join empi_registration r on r.id = f.registration_id
        where f.sent_at is not null"""
}
