"""数据采集交换: read, filter, map, check, identify, load, index, announce."""
