"""What a pay plan pays for: performance, or luck."""
