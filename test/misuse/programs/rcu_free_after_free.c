// expect [] reslab_free_rcu: DoubleFree + FreeObject(*, 64)
// expect [] reslab_free_rcu: NothingThere
// expect [debug=F:quarantine=1m] reslab_free_rcu: DoubleFree + Object(*, 64)
#include "../misuse.h"

#include <reslab/rcu.h>

int main(void) {
  char* one = object(64);
  free(one);
  reslab_trim(0);
  reslab_free_rcu(one);
  return reslab_rcu_init(NULL) != 0 || reslab_rcu_barrier() != 0;
  return 0;
}
