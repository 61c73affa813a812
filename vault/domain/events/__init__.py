"""Events that other systems receive: their types, their endpoints, the body that is sent."""
