import { isUp, type Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';

/** All hosts of the model: each makes what is bound to it real, at once, as long as it is ready. */
export class ModelHosts {
  readonly #tables: Pick<Tables, 'pods' | 'hosts'>;
  /** Which host runs a pod, as the machines know it and not as the store says. */
  readonly #running = new Map<string, string>();
  readonly faults: string[] = [];
  starts = 0;

  constructor(tables: Pick<Tables, 'pods' | 'hosts'>) {
    this.#tables = tables;
  }

  /** Does what is to be done; whether there was anything. */
  async act(): Promise<boolean> {
    let acted = false;
    for (const host of this.#tables.hosts.everywhere()) {
      if (!host.status.ready) continue;
      const { name } = host.meta;
      for (const pod of this.#tables.pods.cache.by('host', name))
        acted = (await this.#actOn(pod, name)) || acted;
    }
    return acted;
  }

  /** The machine dies, and all that runs on it. */
  die(host: string): void {
    for (const [uid, where] of this.#running) if (where === host) this.#running.delete(uid);
  }

  async exit(pod: Pod, exitCode: number): Promise<void> {
    this.#running.delete(pod.meta.uid);
    await this.#write(pod, (present) => {
      present.status.phase = 'exited';
      present.status.serial = present.spec.run.serial;
      present.status.containers = [{ name: 'main', state: 'exited', exitCode, oomKilled: false, error: '' }];
    });
  }

  async #actOn(pod: Pod, host: string): Promise<boolean> {
    const { uid } = pod.meta;
    const { wanted, serial } = pod.spec.run;
    const wants = wanted === 'running' && pod.meta.deletedAt === undefined;
    if (pod.meta.deletedAt !== undefined) {
      this.#running.delete(uid);
      await this.#write(pod, (present) => {
        present.meta.finalizers = [];
      });
      return true;
    }
    if (isUp(pod.status.phase) && (!wants || !this.#running.has(uid))) {
      await this.exit(pod, wants ? 137 : 143);
      return true;
    }
    if (wants && serial > pod.status.serial) {
      const elsewhere = this.#running.get(uid);
      if (elsewhere !== undefined)
        this.faults.push(`${pod.meta.name} starts on ${host} and runs on ${elsewhere}`);
      this.#running.set(uid, host);
      this.starts += 1;
      await this.#write(pod, (present) => {
        present.status.phase = 'running';
        present.status.serial = serial;
      });
      return true;
    }
    if (!wants && serial > pod.status.serial) {
      await this.exit(pod, 0);
      return true;
    }
    return false;
  }

  async #write(pod: Pod, change: (present: Pod) => void): Promise<void> {
    await this.#tables.pods.mutate(pod.meta, (present) => {
      change(present);
      return present;
    });
  }
}
