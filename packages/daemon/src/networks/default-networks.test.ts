import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError, silentLogger } from '@kraud/base';
import type { Network, Tables } from '@kraud/macro';
import { sampleMeta, samplePod } from '@kraud/macro/samples';
import type { NetworkSpec, NetworkState } from '@kraud/network';
import { withTables } from '@kraud/testkit';
import { realizeDefaultNetworks } from './default-networks.ts';

const network = (spec: Partial<Network['spec']> = {}, slices?: Record<string, string[]>): Network => ({
  kind: 'Network',
  meta: sampleMeta('Network', 'default'),
  spec: { driver: 'vpc', internal: false, options: {}, ...spec },
  status: slices ? { slices } : {},
  given: {},
});

/** A machine on which something else has these subnets; each that is chosen is the next of 10.1.0.0/16, 10.2.0.0/16 … */
class Machine {
  readonly taken: Set<string>;
  #next = 1;

  constructor(...taken: string[]) {
    this.taken = new Set(taken);
  }

  async chooseSubnet(): Promise<string> {
    return `10.${this.#next++}.0.0/16`;
  }

  async ensureNetwork({ tenant, name, subnet }: NetworkSpec): Promise<NetworkState> {
    if (subnet === undefined || this.taken.has(subnet)) throw new KraudError('conflict', 'Pool overlaps');
    return { tenant, name, subnet, gateway: subnet.replace('.0/16', '.1'), internal: false, names: false };
  }
}

function realize(tables: Tables, machine: Machine): Promise<void> {
  const spec = async (tenant: string, name: string): Promise<NetworkSpec | undefined> => {
    const found = tables.networks.get({ tenant, namespace: 'default', name });
    return found && { tenant, name, subnet: found.spec.subnet };
  };
  const chooseSubnet = () => machine.chooseSubnet();
  const parts = { tables, network: machine, chooseSubnet, spec, name: 'a', logger: silentLogger };
  return realizeDefaultNetworks(parts);
}

const specOf = (tables: Tables) => tables.networks.everywhere()[0]?.spec;

test('a default network has a subnet that is free when it is made, though another daemon is quicker', async () => {
  await withTables(async (tables) => {
    await tables.networks.create(network());
    await realize(tables, new Machine('10.1.0.0/16', '10.2.0.0/16'));
    assert.deepEqual([specOf(tables)?.subnet, specOf(tables)?.gateway], ['10.3.0.0/16', '10.3.0.1']);
  });
});

test('one whose subnet was taken while the daemon was down gets another, and its slices anew', async () => {
  await withTables(async (tables) => {
    await tables.networks.create(
      network({ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }, { a: ['172.17.0.0/22'] }),
    );
    await realize(tables, new Machine('172.17.0.0/16'));
    assert.deepEqual([specOf(tables)?.subnet, specOf(tables)?.gateway], ['10.1.0.0/16', '10.1.0.1']);
    assert.deepEqual(tables.networks.everywhere()[0]?.status, {});
  });
});

test('pods with addresses in it, or slices of other hosts, keep it, and the daemon starts all the same', async () => {
  const subnet = '172.17.0.0/16';
  await withTables(async (tables) => {
    await tables.networks.create(network({ subnet }, { a: ['172.17.0.0/22'], b: ['172.17.4.0/22'] }));
    await realize(tables, new Machine(subnet));
    assert.equal(specOf(tables)?.subnet, subnet);
  });
  await withTables(async (tables) => {
    const address = { network: 'default', ipv4: '172.17.0.2', prefix: 16, gateway: '172.17.0.1' };
    const pod = samplePod('p');
    const { network: _, ...place } = address;
    const status = {
      ...pod.status,
      network: { ...place, mac: '02:42:ac:11:00:02', ports: [], addresses: [address] },
    };
    await tables.pods.create({ ...pod, status });
    await tables.networks.create(network({ subnet }));
    await realize(tables, new Machine(subnet));
    assert.equal(specOf(tables)?.subnet, subnet);
  });
});

test('any other fault is one of the start', async () => {
  await withTables(async (tables) => {
    await tables.networks.create(network());
    const machine = new Machine();
    machine.ensureNetwork = async () => {
      throw new KraudError('internal', 'no netlink');
    };
    await assert.rejects(realize(tables, machine), { message: 'no netlink' });
  });
});
