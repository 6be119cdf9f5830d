import { askKra } from '../kra-client.ts';

/** Puts pods to sleep, or wakes them, one after the other; the first that can't be is the error. */
export async function setAsleep(
  verb: 'sleep' | 'wake',
  pods: readonly string[],
  { socket }: { readonly socket: string },
): Promise<void> {
  for (const pod of pods) {
    await askKra(socket, { method: 'POST', path: `/pods/${encodeURIComponent(pod)}/${verb}` });
    console.log(pod);
  }
}
