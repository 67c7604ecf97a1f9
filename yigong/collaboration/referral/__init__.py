"""双向转诊: two-way referral."""
