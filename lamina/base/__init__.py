"""What every other folder stands on: errors, dtypes, dimensions, configuration, nested structures."""
