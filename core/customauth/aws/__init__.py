"""What customauth asks AWS's own API for, with boto3 (extra ``aws``), imported when the first thing is asked."""
