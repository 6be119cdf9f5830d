import { createHash } from 'node:crypto';
import type { Tap } from '../contract.ts';

/** The tap that a VM's keeper made; its address follows from the pod's id, so it is the same after each start. */
export function tapOf(pid: number, id: string): Tap {
  const digits = createHash('sha256').update(`mac ${id}`).digest('hex').slice(0, 10);
  return { netnsPid: pid, name: 'tap0', mac: `02${digits}`.replace(/(..)(?=.)/g, '$1:') };
}
