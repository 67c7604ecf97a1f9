"""业务协同中心: work between institutions."""
