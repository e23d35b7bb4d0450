/* Prints how many instructions the machine had run when main() began: firmware, kernel, sigma0, the
 * root task and the start of this program. */
#include "libos/log.h"
#include "libos/start/cpu.h"

int main(void)
{
    uint64_t now = cpu_ticks();

    log_line("result boot.hello total=%lu per=1 rounds=1 agree=1 min=%lu max=%lu", now, now, now);
    log_line("end");
    return 0;
}
