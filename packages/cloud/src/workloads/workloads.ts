import { type Pod, type Workload, workloadLabels } from '@kraud/macro';
import type { Caller, Events } from '../contract.ts';
import type { ImageWish, WorkloadDraft, Workloads } from './contract.ts';
import { createWorkload, type WorkloadTools } from './create.ts';
import { findWorkload } from './find.ts';
import { findImage } from './find-image.ts';
import { freeName } from './names.ts';
import { rollbackWorkload, updateWorkload } from './update.ts';

/** The door to the operations beside this file, with the events that each is known by. */
export class WorkloadUseCases implements Workloads {
  readonly #tools: WorkloadTools;
  readonly #events: Pick<Events, 'record'>;

  constructor(tools: WorkloadTools, events: Pick<Events, 'record'>) {
    this.#tools = tools;
    this.#events = events;
  }

  get #parts() {
    return this.#tools.parts;
  }

  freeName(caller: Caller): Promise<string> {
    return Promise.resolve(freeName(this.#parts, caller));
  }

  async create(
    caller: Caller,
    draft: WorkloadDraft,
    image: ImageWish,
  ): Promise<{ workload: Workload; warnings: string[] }> {
    const made = await createWorkload(this.#tools, caller, draft, image);
    await this.#record(caller, 'create', made.workload);
    return made;
  }

  get(caller: Caller, ref: string): Promise<Workload> {
    return Promise.try(() => findWorkload(this.#parts, caller, ref));
  }

  list(caller: Caller): Promise<Workload[]> {
    return Promise.resolve(this.#parts.workloads.list(caller.tenant));
  }

  pods(caller: Caller, ref: string): Promise<Pod[]> {
    return Promise.try(() => {
      const { uid } = findWorkload(this.#parts, caller, ref).meta;
      return this.#parts.pods
        .list(caller.tenant)
        .filter(({ meta }) => meta.labels[workloadLabels.owner] === uid);
    });
  }

  async update(
    caller: Caller,
    ref: string,
    draft: WorkloadDraft,
    version: number,
    image: ImageWish,
  ): Promise<{ workload: Workload; warnings: string[] }> {
    const { before, ...updated } = await updateWorkload(this.#tools, caller, ref, draft, version, image);
    await this.#record(caller, 'update', updated.workload, changesOf(before, updated.workload));
    return updated;
  }

  async rollback(caller: Caller, ref: string, version: number): Promise<Workload> {
    const { workload, before } = await rollbackWorkload(this.#tools, caller, ref, version);
    await this.#record(caller, 'update', workload, changesOf(before, workload));
    return workload;
  }

  async findImage(workload: Workload, signal: AbortSignal): Promise<boolean> {
    return await findImage(this.#tools, workload, signal);
  }

  async remove(caller: Caller, ref: string, signal?: AbortSignal): Promise<void> {
    const workload = findWorkload(this.#parts, caller, ref);
    const { meta } = workload;
    await this.#parts.workloads.delete(meta);
    await this.#record(caller, 'remove', workload);
    await this.#parts.workloads.follow(
      caller.tenant,
      meta.uid,
      (version) => (version ? undefined : true),
      signal,
    );
  }

  async #record(
    caller: Caller,
    action: string,
    { meta }: Workload,
    changes: Record<string, string> = {},
  ): Promise<void> {
    const attributes = { name: meta.name, ...changes };
    await this.#events.record(caller, { type: 'service', action, actor: meta.uid, attributes });
  }
}

/** What an event tells of a change: the number of replicas and the image, where they are others now. */
function changesOf(before: Workload, after: Workload): Record<string, string> {
  const seen = ({ spec: { mode, template } }: Workload): Record<string, string | undefined> => ({
    image: template.spec.containers[0]?.image.name,
    replicas: mode.type === 'replicated' ? String(mode.replicas) : undefined,
  });
  const [was, is] = [seen(before), seen(after)];
  const pairs = Object.keys(is).flatMap((name) =>
    was[name] === undefined || is[name] === undefined || was[name] === is[name]
      ? []
      : [
          [`${name}.old`, was[name]],
          [`${name}.new`, is[name]],
        ],
  );
  return Object.fromEntries(pairs) as Record<string, string>;
}
