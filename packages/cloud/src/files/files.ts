import { compactId, KraudError, newId } from '@kraud/base';
import { type Config, defaultNamespace, type Meta, type ResourceKey, type Secret } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { EventRecorder } from '../events.ts';
import type { CloudLimits } from '../limits.ts';
import type { CloudParts } from '../parts.ts';
import { checkFileDraft } from './check.ts';
import type { FileDraft, Files } from './contract.ts';
import { usersOf } from './users.ts';

type FileParts = Pick<CloudParts, 'clock' | 'random' | 'secrets' | 'configs' | 'pods' | 'workloads'> & {
  limits: Pick<CloudLimits, 'secretBytesLimit' | 'configBytesLimit'>;
};
type Recorder = Pick<EventRecorder, 'record'>;

/** What makes secrets and configs two things. */
interface FileKind<F extends Secret | Config> {
  readonly kind: F['kind'];
  readonly bytesLimit: number;
  readonly table: {
    list(tenant: string): F[];
    create(resource: F): Promise<F>;
    mutate(key: ResourceKey, change: (present: F) => F | undefined): Promise<F>;
    delete(key: ResourceKey): Promise<void>;
  };
  make(meta: Meta, draft: FileDraft): F;
}

class FileUseCases<F extends Secret | Config> implements Files<F> {
  readonly #parts: FileParts;
  readonly #events: Recorder;
  readonly #of: FileKind<F>;

  constructor(parts: FileParts, events: Recorder, of: FileKind<F>) {
    this.#parts = parts;
    this.#events = events;
    this.#of = of;
  }

  async create(caller: Caller, draft: FileDraft): Promise<F> {
    checkFileDraft(this.#word, draft, this.#of.bytesLimit);
    const { tenant } = caller;
    const { clock, random } = this.#parts;
    const { name, labels } = draft;
    if (this.#of.table.list(tenant).some(({ meta }) => meta.name === name)) {
      throw new KraudError('exists', `${this.#word} ${name} already exists`);
    }
    const createdAt = new Date(clock.now()).toISOString();
    const meta = {
      uid: newId(random),
      tenant,
      namespace: defaultNamespace,
      name,
      labels,
      annotations: {},
      generation: 1,
      finalizers: [],
      createdAt,
    };
    const file = await this.#of.table.create(this.#of.make(meta, draft));
    await this.#record(caller, 'create', file);
    return file;
  }

  async get(caller: Caller, ref: string): Promise<F> {
    const all = this.#of.table.list(caller.tenant);
    // A name may look like another one's id: ids come first.
    const exact =
      all.find(({ meta }) => meta.uid === ref || compactId(meta.uid) === ref) ??
      all.find(({ meta }) => meta.name === ref);
    if (exact) return exact;
    const prefixed = all.filter(
      ({ meta }) => ref !== '' && (meta.uid.startsWith(ref) || compactId(meta.uid).startsWith(ref)),
    );
    const [only, second] = prefixed;
    if (!only) throw new KraudError('not-found', `${this.#word} ${ref} not found`);
    if (second)
      throw new KraudError('invalid', `${this.#word} ${ref} is ambiguous (${prefixed.length} matches found)`);
    return only;
  }

  async list(caller: Caller): Promise<F[]> {
    return this.#of.table.list(caller.tenant);
  }

  async update(caller: Caller, ref: string, labels: Record<string, string>, revision: number): Promise<F> {
    const { meta } = await this.get(caller, ref);
    const updatedAt = new Date(this.#parts.clock.now()).toISOString();
    const file = await this.#of.table.mutate(meta, (present) => {
      if (present.meta.uid !== meta.uid || present.meta.revision !== revision) {
        throw new KraudError('conflict', 'update out of sequence');
      }
      return { ...present, meta: { ...present.meta, labels }, status: { ...present.status, updatedAt } };
    });
    await this.#record(caller, 'update', file);
    return file;
  }

  async remove(caller: Caller, ref: string): Promise<void> {
    const file = await this.get(caller, ref);
    const users = usersOf(this.#parts, this.#of.kind, file.meta);
    if (users.length > 0) {
      const which = users.length === 1 ? 'service' : 'services';
      throw new KraudError(
        'conflict',
        `${this.#word} '${file.meta.name}' is in use by the following ${which}: ${users.join(', ')}`,
      );
    }
    await this.#of.table.delete(file.meta);
    await this.#record(caller, 'remove', file);
  }

  get #word(): 'secret' | 'config' {
    return this.#of.kind === 'Secret' ? 'secret' : 'config';
  }

  async #record(caller: Caller, action: string, { meta }: F): Promise<void> {
    const attributes = { name: meta.name };
    await this.#events.record(caller, { type: this.#word, action, actor: meta.uid, attributes });
  }
}

export function secretUseCases(parts: FileParts, events: Recorder): Files<Secret> {
  return new FileUseCases<Secret>(parts, events, {
    kind: 'Secret',
    bytesLimit: parts.limits.secretBytesLimit,
    table: parts.secrets,
    make: (meta, { data, templated, given }) => ({
      kind: 'Secret',
      meta,
      spec: { data, templated },
      status: {},
      given,
    }),
  });
}

export function configUseCases(parts: FileParts, events: Recorder): Files<Config> {
  return new FileUseCases<Config>(parts, events, {
    kind: 'Config',
    bytesLimit: parts.limits.configBytesLimit,
    table: parts.configs,
    make: (meta, { data, templated, given }) => ({
      kind: 'Config',
      meta,
      spec: { data, templated },
      status: {},
      given,
    }),
  });
}
