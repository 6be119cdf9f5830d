import { links } from '../kernel/facts.ts';
import { type Place, runIn } from '../kernel/run.ts';
import { checkedDevice, tunnelDevice } from '../names.ts';

export async function hasTunnel(netns: string): Promise<boolean> {
  return (await links({ name: netns })).some(({ name }) => name === tunnelDevice);
}

/** Nothing happens where there is none. */
export async function removeLink(place: Place, device: string): Promise<void> {
  await runIn(place, ['ip', 'link', 'del', 'dev', checkedDevice(device)]).catch((error: unknown) => {
    if (!/Cannot find device/.test(String(error))) throw error;
  });
}
