/**
 * The life of a VM that a pod has:
 *
 *        suspend            stop, kill
 *     ┌───────────> suspended ───────┐
 *  running <─────────┘               ├──> stopping ──> gone
 *     │     resume                   │
 *     ├──────────────────────────────┘
 *     ├──────────────── the VMM ended by itself ─────> gone      (also from suspended)
 *     └──────────────── sleep ───────────────────────> gone      (running again if that fails)
 *
 * While it is running, disks are taken into their slots and dropped from them.
 */
export type VmState = 'running' | 'suspended' | 'stopping' | 'gone';
export type VmRequest = 'suspend' | 'resume' | 'stop' | 'kill' | 'take' | 'drop' | 'sleep';

/** What to do with a request: carry it out, nothing (it is so already), or refuse it. */
export type Verdict = 'do' | 'done' | 'refuse';

export function judge(state: VmState, request: VmRequest): Verdict {
  if (request === 'stop' || request === 'kill') return state === 'gone' ? 'done' : 'do';
  if (state === 'stopping' || state === 'gone') return 'refuse';
  if (request === 'take' || request === 'drop' || request === 'sleep')
    return state === 'running' ? 'do' : 'refuse';
  const wanted: VmState = request === 'suspend' ? 'suspended' : 'running';
  return state === wanted ? 'done' : 'do';
}
