import { codeOf } from '@kraud/base';
import type { HostFacts } from '@kraud/host';
import { defaultTenant, type Pod } from '@kraud/macro';
import type { Caller, Images, System, Volumes } from './contract.ts';
import { imageUsers } from './images/remove.ts';
import type { CloudParts } from './parts.ts';
import { mainContainer } from './pods/find.ts';

export class SystemUseCases implements System {
  readonly #parts: CloudParts;
  readonly #images: Images;
  readonly #volumes: Volumes;

  constructor(parts: CloudParts, images: Images, volumes: Volumes) {
    this.#parts = parts;
    this.#images = images;
    this.#volumes = volumes;
  }

  async info(): Promise<{
    facts: HostFacts;
    pods: { running: number; paused: number; stopped: number };
    images: number;
    instanceId: string;
  }> {
    const pods = { running: 0, paused: 0, stopped: 0 };
    for (const pod of this.#parts.pods.list(defaultTenant)) {
      if (pod.status.phase === 'paused') pods.paused += 1;
      else if (pod.status.phase === 'running' || pod.status.phase === 'stopping') pods.running += 1;
      else pods.stopped += 1;
    }
    return {
      facts: await this.#parts.hostOf(undefined).facts(),
      pods,
      images: this.#parts.images.list(defaultTenant).length,
      instanceId: this.#parts.instanceId,
    };
  }

  async usage(caller: Caller): ReturnType<System['usage']> {
    const usage = await this.#parts.imageContent.usage();
    const views = await this.#images.list(caller);
    const pods = this.#parts.pods.list(caller.tenant);
    return {
      layersBytes: usage.layersBytes,
      images: views.map((view) => ({
        view,
        sharedBytes: usage.images[view.image.spec.id]?.sharedBytes ?? 0,
        users: imageUsers(this.#parts, caller, view.image.spec.id).length,
      })),
      pods: await Promise.all(
        pods.map(async (pod) => ({
          pod,
          ...(await this.#sizeOf(pod)),
        })),
      ),
      volumes: await this.#volumes.list(caller),
    };
  }

  /** Nothing is known of a pod whose host can't be asked. */
  async #sizeOf(pod: Pod): Promise<{ writableBytes: number; rootBytes: number }> {
    if (pod.spec.host === undefined) return { writableBytes: 0, rootBytes: 0 };
    try {
      const host = this.#parts.hostOf(pod.spec.host);
      return await host.size(pod.meta.uid, mainContainer(pod).name);
    } catch (error) {
      if (codeOf(error) !== 'unavailable') throw error;
      return { writableBytes: 0, rootBytes: 0 };
    }
  }
}
