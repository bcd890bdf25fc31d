// expect [] free: DoubleFree + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  free(one);
  return 0;
}
