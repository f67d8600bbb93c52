"""All benchmarks, one after the other."""

from benchmarks import descent, networks

networks.main()
print("\n")
descent.main()
