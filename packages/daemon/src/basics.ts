import { type Clock, codeOf, newId, type Random } from '@kraud/base';
import {
  defaultNamespace,
  defaultTenant,
  type Kind,
  type Kinds,
  type Meta,
  type Table,
  type Tables,
} from '@kraud/macro';

/** What every cloud has from its first start: its tenant, namespace and networks. */
export async function ensureBasics(tables: Tables, parts: { clock: Clock; random: Random }): Promise<void> {
  const meta = (name: string): Meta => ({
    uid: newId(parts.random),
    tenant: defaultTenant,
    namespace: defaultNamespace,
    name,
    labels: {},
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: new Date(parts.clock.now()).toISOString(),
  });
  const rest = { status: {}, given: {} };
  await ensure(tables.tenants, { kind: 'Tenant', meta: meta(defaultTenant), spec: { local: true }, ...rest });
  await ensure(tables.namespaces, { kind: 'Namespace', meta: meta(defaultNamespace), spec: {}, ...rest });
  for (const [name, driver] of [
    ['default', 'vpc'],
    ['none', 'none'],
  ] as const) {
    await ensure(tables.networks, {
      kind: 'Network',
      meta: meta(name),
      spec: { driver, internal: false, options: {} },
      status: {},
      given: {},
    });
  }
}

async function ensure<K extends Kind>(table: Table<K>, resource: Kinds[K]): Promise<void> {
  if (table.get(resource.meta)) return;
  try {
    await table.create(resource);
  } catch (error) {
    if (codeOf(error) !== 'exists') throw error;
  }
}
