"""服务总线: outside endpoints, routing, subscriptions, acknowledgements."""
