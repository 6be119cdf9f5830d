import { setTimeout as delay } from 'node:timers/promises';
import { KraudError, type Logger } from '@kraud/base';
import type { NetworkLimits } from '../defaults.ts';
import type { IpBatch } from '../kernel/ip-batch.ts';
import { type Place, runIn } from '../kernel/run.ts';
import { checkedDevice, tapMac, tapPrefix } from '../names.ts';
import { type Heard, KnockWatch } from './knock-watch.ts';

const carrierPollMs = 5;

/**
 * What one VPC's kernel does for parked pods. A pod that runs has permanent neighbours behind its tap. Without them the kernel has to
 * ask who has an address; packets wait with the question, and go once the neighbours are there again. On a parked tap the
 * question isn't sent but told, once a second, to whoever watches.
 */
export class ParkingPlace {
  readonly #place: Place;
  readonly #batch: IpBatch;
  readonly #limits: NetworkLimits;
  readonly #log: Logger;

  constructor(
    place: Place,
    options: { readonly batch: IpBatch; readonly limits: NetworkLimits; readonly logger: Logger },
  ) {
    this.#place = place;
    this.#batch = options.batch;
    this.#limits = options.limits;
    this.#log = options.logger;
  }

  /** A tap for a VM that is to come, and nobody's yet. */
  async makeTap(id: string): Promise<string> {
    const device = checkedDevice(tapPrefix + id);
    await this.#batch.run([
      { line: `tuntap add dev ${device} mode tap vnet_hdr`, tolerate: busy },
      { line: `link set dev ${device} address ${tapMac}` },
    ]);
    return device;
  }

  /** From now on what is sent through the tap waits, whether or not a VM has it; what waits already goes on doing so. */
  async keep(device: string): Promise<void> {
    await runIn(this.#place, ['sh', '-ec', keepWithoutCarrier(checkedDevice(device))]);
    const asking = `retrans 1000 app_probes ${this.#limits.knockWaitS} mcast_probes 0`;
    await this.#batch.run([
      { line: `ntable change name arp_cache dev ${device} proxy_delay 0 ${asking}` },
      { line: `neigh flush dev ${device} ${answered}` },
    ]);
  }

  /** Where a guest has told that it is, as one does before its VM has ended, is forgotten: its VM is to be waited for. */
  async unlearn(device: string): Promise<void> {
    await this.#batch.run([{ line: `neigh flush dev ${checkedDevice(device)} ${learned}`, tolerate: gone }]);
  }

  /** Resolves once packets go through the tap to a VM; before, they would be lost in it. */
  async carries(device: string): Promise<void> {
    for (let waitedMs = 0; waitedMs <= this.#limits.carrierTimeoutMs; waitedMs += carrierPollMs) {
      const link = await this.#batch
        .show(`link show dev ${checkedDevice(device)}`)
        .catch((cause: unknown) => {
          throw new KraudError('unavailable', `there is no tap ${device}`, { cause });
        });
      if (/[<,]LOWER_UP[,>]/.test(link) && !/[<,]NO-CARRIER[,>]|\bstate DOWN\b/.test(link)) return;
      await delay(carrierPollMs);
    }
    throw new KraudError('unavailable', `no VM has the tap ${device}`);
  }

  /** Tells of addresses that packets wait for; closed by the caller. */
  watch(heard: Heard): KnockWatch {
    return new KnockWatch({
      place: this.#place,
      batch: this.#batch,
      heard,
      limits: this.#limits,
      logger: this.#log,
    });
  }
}

/** A batch that is repeated finds what it has made. */
const busy = /Device or resource busy/;

const gone = /Cannot find device/;

/** States of neighbours that packets are sent to, rightly or not; those that packets wait for are others. */
const learned = 'nud reachable nud stale nud delay nud probe';
const answered = `nud permanent nud noarp ${learned}`;

/** Otherwise what waits is thrown away when a VM lets go of the tap. Before Linux 5.16 it always is. */
const keepWithoutCarrier = (device: string): string => `
f=/proc/sys/net/ipv4/conf/${device}/arp_evict_nocarrier
if [ -e $f ]; then echo 0 > $f; fi`;
