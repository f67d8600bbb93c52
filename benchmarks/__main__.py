"""All benchmarks, one after the other."""

from benchmarks import controls, descent, diagnosis, diffusion, networks

networks.main()
print("\n")
descent.main()
print("\n")
diffusion.main()
print("\n")
diagnosis.main()
print("\n")
controls.main()
