// COUNT pairs of malloc(BYTES) and free, and nothing else: what callgrind_pair.py counts.
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s COUNT BYTES\n", argv[0]);
    return 2;
  }
  const long count = atol(argv[1]);
  const size_t bytes = static_cast<size_t>(atol(argv[2]));
  for (long i = 0; i < count; i++) {
    void* object = malloc(bytes);
    asm volatile("" : "+r"(object));  // or the compiler may drop the pair
    free(object);
  }
  return 0;
}
