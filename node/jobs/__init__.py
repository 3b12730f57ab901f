"""Jobs: decided studies become runs on the durable engine, on a queue that the compute workers listen to."""
