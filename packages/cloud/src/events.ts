import type { Event, Pod } from '@kraud/macro';
import type { Caller, Events } from './contract.ts';
import { mainContainer } from './pods/find.ts';

/** Where events are kept: bounded, durable, in order. Filled in from macro. */
export interface EventLog {
  append(
    tenant: string,
    event: { type: string; action: string; actor: string; attributes: Record<string, string> },
  ): Promise<void>;
  stream(
    tenant: string,
    range: { sinceNs?: bigint; untilNs?: bigint },
    signal: AbortSignal,
  ): AsyncIterable<Event>;
}

/** Says what a use case did, in Docker's words. What pods do by themselves is recorded by macro. */
export class EventRecorder implements Events {
  readonly #log: EventLog;

  constructor(log: EventLog) {
    this.#log = log;
  }

  stream(
    caller: Caller,
    range: { sinceNs?: bigint; untilNs?: bigint },
    signal: AbortSignal,
  ): AsyncIterable<Event> {
    return this.#log.stream(caller.tenant, range, signal);
  }

  async record(
    caller: Caller,
    event: { type: string; action: string; actor: string; attributes: Record<string, string> },
  ): Promise<void> {
    await this.#log.append(caller.tenant, event);
  }

  async pod(caller: Caller, action: string, pod: Pod, more: Record<string, string> = {}): Promise<void> {
    const attributes = {
      ...pod.meta.labels,
      image: mainContainer(pod).image.name,
      name: pod.meta.name,
      ...more,
    };
    await this.record(caller, { type: 'container', action, actor: pod.meta.uid, attributes });
  }

  async image(
    caller: Caller,
    action: string,
    actor: string,
    attributes: Record<string, string>,
  ): Promise<void> {
    await this.record(caller, { type: 'image', action, actor, attributes });
  }

  /** One for each prune, of a kind as a whole. */
  async pruned(caller: Caller, type: string, freedBytes: number): Promise<void> {
    await this.record(caller, {
      type,
      action: 'prune',
      actor: '',
      attributes: { reclaimed: String(freedBytes) },
    });
  }

  async volume(
    caller: Caller,
    action: string,
    name: string,
    attributes: Record<string, string>,
  ): Promise<void> {
    await this.record(caller, { type: 'volume', action, actor: name, attributes });
  }
}
