import { KraudError, MiB } from '@kraud/base';
import type { FileSources } from '@kraud/host';
import {
  type FileReader,
  fillFile,
  type Pod,
  ResourceClient,
  type TableParts,
  type Tables,
} from '@kraud/macro';

/** What the guest takes; a template may come to more than it is. */
const bytesMax = MiB;

/**
 * Secrets and configs as hosts read them, templates filled in. A cache that is behind the pod's own is no reason to fail
 * its start.
 */
export function fileSources(tables: Tables, parts: TableParts): FileSources {
  const secrets = new ResourceClient('Secret', parts);
  const configs = new ResourceClient('Config', parts);
  const read = async (source: 'Secret' | 'Config', name: string, { meta }: Pod) => {
    const [table, client] = source === 'Secret' ? [tables.secrets, secrets] : [tables.configs, configs];
    const { tenant, namespace } = meta;
    const key = { tenant, namespace, name };
    const resource = table.get(key) ?? (await client.get(key));
    return (
      resource && { bytes: Buffer.from(resource.spec.data, 'base64'), templated: resource.spec.templated }
    );
  };
  return {
    bytes: async (source, name, { pod, container }) => {
      const file = await read(source, name, pod);
      if (!file?.templated) return file?.bytes;
      const reader = { container, ...(await ownerOf(pod, tables)) };
      const filled = await fillFile(file.bytes, reader, async (other, of) => {
        const found = await read(other, of, pod);
        if (found) return found.bytes;
        throw new KraudError('not-found', `${other.toLowerCase()} ${of} not found`);
      });
      if (filled.length <= bytesMax) return filled;
      throw new KraudError('exhausted', `${source.toLowerCase()} ${name} is too large once it is filled in`);
    },
  };
}

/** Who a pod's placeholders are about. */
async function ownerOf(
  pod: Pod,
  { workloads, hosts }: Pick<Tables, 'workloads' | 'hosts'>,
): Promise<Omit<FileReader, 'container'>> {
  await workloads.cache.reached(pod.meta.revision ?? 0);
  const workload = workloads.cache.byUid(pod.meta.owner?.uid ?? '');
  if (!workload) throw new KraudError('invalid', 'only containers of services can read templates');
  const { tenant, namespace } = pod.meta;
  const name = pod.spec.host;
  const host = name === undefined ? undefined : hosts.get({ tenant, namespace, name });
  return { pod, workload, host };
}
