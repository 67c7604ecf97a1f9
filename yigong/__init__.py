"""Yigong 医共: the open information platform of a county medical community (县域医共体)."""
