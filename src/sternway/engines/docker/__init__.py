"""The Docker engine: processes are containers, supervised by the engine itself, found again by their labels.

`engine` is where to begin: it fills `ports.Engine` with what is in `containers`. `builds` makes and keeps images,
`inside` works on single containers, `logs` reads what they printed, and all of them speak to the engine by `calls`.
"""
