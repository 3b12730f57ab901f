"""Jobs: the door to the durable engine, and the engine in a process. Knows neither runs nor deliveries."""
