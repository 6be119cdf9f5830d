import { type Pod, type Workload, workloadLabels } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { ImageWish, WorkloadDraft, Workloads } from './contract.ts';
import { createWorkload, type WorkloadTools } from './create.ts';
import { findWorkload } from './find.ts';
import { rollbackWorkload, updateWorkload } from './update.ts';

/** The door to the operations beside this file. What workloads do is recorded by their controller. */
export class WorkloadUseCases implements Workloads {
  readonly #tools: WorkloadTools;

  constructor(tools: WorkloadTools) {
    this.#tools = tools;
  }

  get #parts() {
    return this.#tools.parts;
  }

  create(
    caller: Caller,
    draft: WorkloadDraft,
    image: ImageWish,
  ): Promise<{ workload: Workload; warnings: string[] }> {
    return createWorkload(this.#tools, caller, draft, image);
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

  update(
    caller: Caller,
    ref: string,
    draft: WorkloadDraft,
    version: number,
    image: ImageWish,
  ): Promise<{ workload: Workload; warnings: string[] }> {
    return updateWorkload(this.#tools, caller, ref, draft, version, image);
  }

  rollback(caller: Caller, ref: string, version: number): Promise<Workload> {
    return rollbackWorkload(this.#tools, caller, ref, version);
  }

  async remove(caller: Caller, ref: string): Promise<void> {
    const { meta } = findWorkload(this.#parts, caller, ref);
    await this.#parts.workloads.delete(meta);
    await this.#parts.workloads.follow(caller.tenant, meta.uid, (version) => (version ? undefined : true));
  }
}
