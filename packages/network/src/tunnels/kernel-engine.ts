import { KraudError } from '@kraud/base';
import { runIn } from '../kernel/run.ts';
import { checkedDevice, tunnelDevice } from '../names.ts';
import type { DeviceChange, DeviceState, TunnelDevice, TunnelEngine, TunnelPlace } from './device.ts';
import { removeLink } from './links.ts';
import { parseDump, setWords, wgCommand } from './wg-tool.ts';

/**
 * WireGuard in the kernel. The device is made in the daemon's network namespace, where its UDP socket stays, and moved
 * into the VPC. It is asked and told by `wg`.
 */
export class KernelEngine implements TunnelEngine {
  async open(place: TunnelPlace): Promise<TunnelDevice> {
    if (!(await isWireguard(place))) {
      await this.remove(place);
      const device = checkedDevice(place.device);
      await runIn('host', ['ip', 'link', 'add', 'name', device, 'type', 'wireguard']);
      await runIn('host', ['ip', 'link', 'set', 'dev', device, 'netns', place.netns, 'name', tunnelDevice]);
    }
    return new KernelDevice(place);
  }

  async remove(place: TunnelPlace): Promise<void> {
    await removeLink('host', place.device);
    await removeLink({ name: place.netns }, tunnelDevice);
  }
}

class KernelDevice implements TunnelDevice {
  /** It goes only with its VPC, or when somebody deletes it: that shows when it is asked. */
  readonly gone = new Promise<void>(() => {});
  readonly #place: TunnelPlace;

  constructor(place: TunnelPlace) {
    this.#place = place;
  }

  async state(): Promise<DeviceState> {
    return parseDump(await this.#wg(['show', tunnelDevice, 'dump']));
  }

  async apply(change: DeviceChange): Promise<void> {
    const { words, input } = setWords(tunnelDevice, change);
    try {
      await this.#wg(words, input);
    } catch (error) {
      if (!/Address already in use/.test(String(error))) throw error;
      throw new KraudError('conflict', 'the UDP port is in use', { cause: error });
    }
  }

  close(): void {}

  #wg(words: readonly string[], input = ''): Promise<string> {
    return runIn({ name: this.#place.netns }, wgCommand(words), input);
  }
}

async function isWireguard({ netns }: TunnelPlace): Promise<boolean> {
  const said = await runIn({ name: netns }, ['ip', '-o', 'link', 'show', 'type', 'wireguard']);
  return said.split('\n').some((line) => line.includes(` ${tunnelDevice}:`));
}
