"""All benchmarks, one after the other."""

from benchmarks import descent, diffusion, networks

networks.main()
print("\n")
descent.main()
print("\n")
diffusion.main()
