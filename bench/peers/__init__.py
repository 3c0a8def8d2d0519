"""The contenders of bench/peers.py. `prepare(kernel, inputs, outputs, options)` of a module gives a `contenders.Prepared`;
it is imported only in the process that runs that contender, whose Python has what it needs."""
