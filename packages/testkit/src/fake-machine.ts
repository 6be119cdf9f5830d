import { KraudError } from '@kraud/base';
import type { PodBody } from '@kraud/cradle';
import type { Guest } from '@kraud/host';
import type { FakeContainer, FakeProgram } from './fake-container.ts';
import { FakeGuest } from './fake-guest.ts';
import { FakeShares } from './fake-shares.ts';

export type FakePrograms = Readonly<Record<string, FakeProgram>>;

/**
 * The inside of a VM without a VM: containers whose programs are functions, chosen by their first argument. It lives on
 * when the daemon that made it is gone, and keeps the output that nobody has acknowledged.
 */
export class FakeMachine {
  readonly id: string;
  readonly containers = new Map<string, FakeContainer>();
  readonly programs: FakePrograms;
  readonly shares: FakeShares;
  pod: PodBody | undefined;
  /** Calls in the order in which they came. */
  readonly calls: string[] = [];
  /** The VMM is gone: every call fails. */
  dead = false;
  /** It is a file: what was asked of it is lost, as are its connections. */
  asleep = false;
  /** The guest hangs: no call comes back. */
  hung = false;

  constructor(id: string, programs: FakePrograms) {
    this.id = id;
    this.shares = new FakeShares(id);
    this.programs = programs;
  }

  /** A new connection, as each daemon has its own. */
  connect(): Guest {
    return new FakeGuest(this);
  }

  container(name: string): FakeContainer {
    const container = this.containers.get(name);
    if (!container) throw new KraudError('not-found', `no such container in the guest: ${name}`);
    return container;
  }

  end(): void {
    this.dead = true;
    this.shares.end();
    for (const container of this.containers.values()) container.abandon();
  }
}
