/* The L4 X.2 protocol of sigma0, asked for pages of physical memory. */
#pragma once

#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/message.h>

#define L4_SIGMA0_LABEL ((L4_Word_t)-6 << 4)

/* L4Ka::Pistachio's extended protocol: MR1 says what is wanted. */
#define L4_SIGMA0_EXT_LABEL     ((L4_Word_t)-1001 << 4)
#define L4_SIGMA0_EXT_POWER_OFF 3u /* exo4's: the root task ends the machine; MR2: its status */

/* sigma0's ID, by convention. */
L4_INLINE L4_ThreadId_t L4_Sigma0Id(void)
{
    return L4_GlobalId(L4_ThreadIdUserBase(L4_GetKernelInterface()), 1);
}

/* Asks `sigma0` (nilthread: by convention) to map `f` into the window. Returns the fpage that was
 * mapped; the nil page when it was refused. */
L4_INLINE L4_Fpage_t L4_Sigma0_GetPage_RcvWindow(L4_ThreadId_t sigma0, L4_Fpage_t f,
                                                 L4_Fpage_t window)
{
    L4_Msg_t message;

    if (L4_IsNilThread(sigma0))
        sigma0 = L4_Sigma0Id();
    L4_MsgClear(&message);
    L4_Set_MsgLabel(&message, L4_SIGMA0_LABEL);
    L4_MsgAppendWord(&message, f.raw);
    L4_MsgAppendWord(&message, 0); /* attributes: default */
    L4_MsgLoad(&message);
    L4_Accept(L4_MapGrantItems(window));
    L4_MsgTag_t tag = L4_Call(sigma0);
    if (L4_IpcFailed(tag) || L4_TypedWords(tag) != 2)
        return L4_Nilpage;
    return L4_FpageOf(L4_Utcb()[L4_UntypedWords(tag) + 2]);
}

L4_INLINE L4_Fpage_t L4_Sigma0_GetPage(L4_ThreadId_t sigma0, L4_Fpage_t f)
{
    return L4_Sigma0_GetPage_RcvWindow(sigma0, f, L4_CompleteAddressSpace);
}

/* Any page of 2^log2 bytes. */
L4_INLINE L4_Fpage_t L4_Sigma0_GetAny(L4_ThreadId_t sigma0, L4_Word_t log2, L4_Fpage_t window)
{
    return L4_Sigma0_GetPage_RcvWindow(sigma0, L4_FpageLog2(~(L4_Word_t)0, (unsigned)log2), window);
}

/* Not of X.2: the root task ends the machine, with a status from 0 to 255. Comes back for others.
 */
L4_INLINE void L4_Sigma0_PowerOff(L4_Word_t status)
{
    L4_LoadMR(1, L4_SIGMA0_EXT_POWER_OFF);
    L4_LoadMR(2, status);
    L4_Set_MsgTag(L4_MsgTagMake(L4_SIGMA0_EXT_LABEL, 2, 0));
    L4_Send(L4_Sigma0Id());
}

#ifdef __cplusplus
static inline L4_Fpage_t L4_Sigma0_GetPage(L4_ThreadId_t sigma0, L4_Fpage_t f, L4_Fpage_t window)
{
    return L4_Sigma0_GetPage_RcvWindow(sigma0, f, window);
}
#endif
