import { KraudError, newId } from '@kraud/base';
import { defaultNamespace, mountsVolume, type Pod, type Volume } from '@kraud/macro';
import { checkVolumeName } from '../admission/mounts.ts';
import type { Caller, Volumes, VolumeView } from '../contract.ts';
import type { EventRecorder } from '../events.ts';
import type { CloudParts } from '../parts.ts';
import { withOwner } from './anonymous.ts';
import { dataOf, removeData } from './data.ts';
import { ensureVolume, volumeSize } from './ensure.ts';

export class VolumeUseCases implements Volumes {
  readonly #parts: CloudParts;
  readonly #events: EventRecorder;

  constructor(parts: CloudParts, events: EventRecorder) {
    this.#parts = parts;
    this.#events = events;
  }

  async create(
    caller: Caller,
    draft: { name: string; driver: string; options: Record<string, string>; labels: Record<string, string> },
  ): Promise<VolumeView> {
    const anonymous = draft.name === '';
    const name = anonymous ? newId(this.#parts.random) : draft.name;
    checkVolumeName(name);
    const driver = draft.driver || 'local';
    volumeSize(this.#parts, driver, draft.options);
    const labels = anonymous ? { ...draft.labels, 'com.docker.volume.anonymous': '' } : draft.labels;
    const wanted = { name, anonymous, driver, options: draft.options, labels };
    const { volume, made } = await ensureVolume(this.#parts, caller, wanted, undefined);
    if (!made && Object.keys(draft.options).length > 0 && !sameOptions(volume.spec.options, draft.options)) {
      throw new KraudError('conflict', `create ${name}: volume already exists with other options`);
    }
    if (made) await this.#events.volume(caller, 'create', name, { driver });
    return await this.#view(volume);
  }

  async get(caller: Caller, name: string): Promise<VolumeView> {
    return await this.#view(this.#find(caller, name));
  }

  async list(caller: Caller): Promise<VolumeView[]> {
    return await Promise.all(this.#parts.volumes.list(caller.tenant).map((volume) => this.#view(volume)));
  }

  async remove(caller: Caller, name: string, options: { force: boolean }): Promise<void> {
    let volume: Volume;
    try {
      volume = this.#find(caller, name);
    } catch (error) {
      if (options.force) return;
      throw error;
    }
    const users = this.#users(volume);
    if (users.length > 0) {
      throw new KraudError(
        'conflict',
        `remove ${name}: volume is in use - [${users.map((pod) => pod.meta.uid).join(', ')}]`,
      );
    }
    await this.#drop(caller, volume);
  }

  async makeFor(pod: Pod): Promise<void> {
    const caller: Caller = { tenant: pod.meta.tenant, local: false };
    for (const mount of pod.spec.containers.flatMap((container) => container.mounts)) {
      if (mount.type !== 'volume') continue;
      const { anonymous, volume: name } = mount;
      const labels: Record<string, string> = anonymous ? { 'com.docker.volume.anonymous': '' } : {};
      const wanted = { name, anonymous, driver: 'local', options: {}, labels };
      const present = this.#parts.volumes.get({ tenant: caller.tenant, namespace: defaultNamespace, name });
      if (present) continue;
      const owner = { kind: 'Pod', uid: pod.meta.uid, name: pod.meta.name };
      await ensureVolume(this.#parts, caller, wanted, anonymous ? owner : undefined, { [withOwner]: 'true' });
    }
  }

  async prune(
    caller: Caller,
    matches: (view: VolumeView) => boolean,
  ): Promise<{ removed: string[]; freedBytes: number }> {
    const removed: string[] = [];
    let freedBytes = 0;
    for (const view of await this.list(caller)) {
      if (view.users.length > 0 || !matches(view)) continue;
      await this.#drop(caller, view.volume);
      removed.push(view.volume.meta.name);
      freedBytes += Math.max(0, view.usedBytes);
    }
    await this.#events.pruned(caller, 'volume', freedBytes);
    return { removed, freedBytes };
  }

  #find(caller: Caller, name: string): Volume {
    const volume = this.#parts.volumes.get({ tenant: caller.tenant, namespace: defaultNamespace, name });
    if (!volume) throw new KraudError('not-found', `get ${name}: no such volume`);
    return volume;
  }

  #users(volume: Volume): Pod[] {
    const { tenant, name } = volume.meta;
    return this.#parts.pods.list(tenant).filter((pod) => mountsVolume(pod, name));
  }

  /** The file goes first: a crash in between leaves a volume that can be removed again. */
  async #drop(caller: Caller, volume: Volume): Promise<void> {
    const key = { tenant: caller.tenant, namespace: defaultNamespace, name: volume.meta.name };
    await removeData(this.#parts, volume);
    await this.#parts.volumes.delete(key);
    await this.#events.volume(caller, 'destroy', volume.meta.name, { driver: volume.spec.driver });
  }

  async #view(volume: Volume): Promise<VolumeView> {
    return {
      volume,
      ...(await dataOf(this.#parts, volume)),
      users: this.#users(volume).map((pod) => pod.meta.uid),
    };
  }
}

function sameOptions(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => a[name] === b[name]);
}
