"""边缘节点, at the centre: nodes invited, enrolled, watched and revoked; their bundles journalled and carried in."""
