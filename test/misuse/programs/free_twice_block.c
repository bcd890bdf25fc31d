// expect [] free: NothingThere
#include "../misuse.h"

int main(void) {
  char* one = object(3 << 20);
  free(one);
  free(one);
  return 0;
}
