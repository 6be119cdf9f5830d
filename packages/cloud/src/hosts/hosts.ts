import { KraudError } from '@kraud/base';
import type { CloudCa, JoinRole, JoinToken } from '@kraud/host';
import { defaultTenant, type Host, type Pod } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import type { HostChange, Hosts } from './contract.ts';
import { findHost } from './find.ts';
import { joinAnother } from './join.ts';
import { leaveCloud } from './leave.ts';
import type { JoinWish } from './place.ts';
import { updateHost } from './update.ts';

export class HostUseCases implements Hosts {
  readonly #parts: CloudParts;

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  async list(_caller: Caller): Promise<Host[]> {
    const hosts = this.#parts.hosts.list(defaultTenant);
    return hosts.sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
  }

  async get(_caller: Caller, ref: string): Promise<Host> {
    return findHost(this.#parts, ref);
  }

  async self(_caller: Caller): Promise<Host> {
    return findHost(this.#parts, this.#parts.hostName);
  }

  async pods(caller: Caller, ref: string): Promise<Pod[]> {
    const { name } = findHost(this.#parts, ref).meta;
    return this.#parts.pods.list(caller.tenant).filter((pod) => pod.spec.host === name);
  }

  async update(caller: Caller, ref: string, change: HostChange, revision?: number): Promise<Host> {
    mustOwn(caller);
    return await updateHost(this.#parts, findHost(this.#parts, ref), change, revision);
  }

  async remove(caller: Caller, ref: string, options: { force: boolean }): Promise<void> {
    mustOwn(caller);
    const { hosts, hostName, membership } = this.#parts;
    const { meta, status } = findHost(this.#parts, ref);
    if (meta.name === hostName) {
      throw new KraudError('conflict', `${meta.name} is the host that you ask; ask another one to remove it`);
    }
    if (status.ready && !options.force) {
      throw new KraudError(
        'conflict',
        `the host ${meta.name} is ready; drain it (kra host drain ${meta.name}) and end its kraudd first, or use --force`,
      );
    }
    await membership?.remove(meta.name);
    await hosts.delete(meta);
  }

  async ca(_caller: Caller): Promise<CloudCa | undefined> {
    return this.#parts.membership?.ca;
  }

  async caRotation(caller: Caller, given?: { cert: string; key: string }): Promise<() => Promise<void>> {
    mustOwn(caller);
    const { membership } = this.#parts;
    if (membership) return await membership.rotation(given);
    throw new KraudError(
      'conflict',
      'there is no CA to replace: this host listens for no others (kraudd --listen IP:PORT)',
    );
  }

  async join(caller: Caller, wish: JoinWish): Promise<() => Promise<void>> {
    mustOwn(caller);
    return await joinAnother(this.#parts, wish);
  }

  async leave(caller: Caller, options: { force: boolean }, signal?: AbortSignal): Promise<void> {
    mustOwn(caller);
    await leaveCloud(this.#parts, findHost(this.#parts, this.#parts.hostName), options, signal);
  }

  async joinToken(
    caller: Caller,
    options: { ttlMs?: number; rotate?: boolean; role?: JoinRole },
  ): Promise<JoinToken> {
    mustOwn(caller);
    const { membership } = this.#parts;
    if (!membership) {
      throw new KraudError(
        'conflict',
        'other machines can join once the store is shared and this host listens for them: end kraudd, move the ' +
          'store with kra store migrate, and start kraudd with --store etcd://… and --listen IP:PORT',
      );
    }
    if (options.rotate) await membership.revokeTokens(options.role);
    return await membership.issueToken(options.ttlMs, options.role);
  }
}

function mustOwn(caller: Caller): void {
  if (!caller.local) throw new KraudError('forbidden', 'only the owner of the cloud may change its hosts');
}
