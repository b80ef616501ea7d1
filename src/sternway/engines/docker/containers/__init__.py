"""The containers of formations: made, started, watched, found again, frozen, stopped and cleared away."""
