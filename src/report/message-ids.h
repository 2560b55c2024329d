/* SPDX-License-Identifier: MIT */
#pragma once

/* What kind of journal entry it is, for machines (systemd.journal-fields(7), MESSAGE_ID=). Random,
 * and never changed: others match by them. contrib/journal/oc-run.catalog explains each. */

#define MESSAGE_ID_STARTED "55df4a22773a40f9a4fb3ac90bcbb99d"
#define MESSAGE_ID_ENDED "6da251a107534c1c9004200383f15f12"
#define MESSAGE_ID_MEMORY_HIGH "08980ce74e2f45aaa45d85e50b52ffe4"
#define MESSAGE_ID_MEMORY_MAX "db8d0fa0842348a385f2dee66f8a5224"
#define MESSAGE_ID_OOM_KILL "9601d7681e554ce687d22b6b97ab047d"
#define MESSAGE_ID_WATCH_KILL "b2a5710a086c4f07a8d963a10c822fb7"
#define MESSAGE_ID_FORK_DENIED "ba1d2276dd624c4cb4b0147d44e336cd"
#define MESSAGE_ID_SWAP_FULL "a4095dbfe1024aa0bdecc7a467d5673e"
#define MESSAGE_ID_ESCAPE "8ce03e5aafea4d899470c3b9195ed755"
#define MESSAGE_ID_STOP_ASKED "aabc1486effe457fb7726e40e0f26773"
#define MESSAGE_ID_LADDER "8c675cc0fcbb4c4690d1c3d60ca15ad6"
#define MESSAGE_ID_HIGH_LOWERED "bb0a1523472b44bc88dd8f9d0ca7d245"
#define MESSAGE_ID_LIVELOCK "ce3ca2e5f2ca411d914e79851ce02808"
#define MESSAGE_ID_PRESSURE "88b7987d269c47008a7e99eb1ed30565"
#define MESSAGE_ID_PRESSURE_OVER "a67e7e55ae20491490753c6395fb5153"
#define MESSAGE_ID_NOTICE "ef4efd80852a40eeb5b9de0363d9f92b"
#define MESSAGE_ID_TOOL_ENDED "6f9aed1405694c00a2dab6322365a957"
