import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guestNetwork } from './guest.ts';
import { parseResolvConf, reachableByPods } from './resolver/resolv-conf.ts';

const request = {
  hostname: 'web',
  domainname: '',
  dns: { servers: [], search: [], options: [] },
  extraHosts: [],
};
const host = { servers: ['192.0.2.53'], search: ['example.test'], options: ['ndots:2'] };
const place = {
  addresses: [{ ipv4: '172.17.0.2', prefix: 16 }],
  mac: '02:42:ac:11:00:02',
  named: false,
  gateway: '172.17.0.1',
  mtu: 1500,
  host,
};

test('the guest gets its address and the names of the host', () => {
  assert.deepEqual(guestNetwork(request, place), {
    network: {
      interface: 'eth0',
      mac: '02:42:ac:11:00:02',
      mtu: 1500,
      addresses: ['172.17.0.2/16'],
      gateway4: '172.17.0.1',
      gateway6: '',
    },
    resolv: { servers: ['192.0.2.53'], search: ['example.test'], options: ['ndots:2'] },
    hosts: [['172.17.0.2', 'web']],
  });
});

test('what the caller says about names goes first, each on its own', () => {
  const dns = { servers: ['1.1.1.1'], search: ['.'], options: ['timeout:1'] };
  const extraHosts = [
    { name: 'db', address: '10.0.0.9' },
    { name: 'host.docker.internal', address: 'host-gateway' },
  ];
  const guest = guestNetwork({ ...request, domainname: 'example.test', dns, extraHosts }, place);
  assert.deepEqual(guest.resolv, { servers: ['1.1.1.1'], search: [], options: ['timeout:1'] });
  assert.deepEqual(guest.hosts, [
    ['10.0.0.9', 'db'],
    ['172.17.0.1', 'host.docker.internal'],
    ['172.17.0.2', 'web.example.test web'],
  ]);
});

test('a pod on named networks has an address on each, and asks our name server', () => {
  const addresses = [...place.addresses, { ipv4: '10.1.0.2', prefix: 24 }];
  const dns = { servers: ['1.1.1.1'], search: [], options: [] };
  const guest = guestNetwork({ ...request, dns }, { ...place, addresses, named: true });
  assert.deepEqual(guest.network.addresses, ['172.17.0.2/16', '10.1.0.2/24']);
  assert.deepEqual(guest.resolv.servers, host.servers);
  assert.deepEqual(guest.hosts, [
    ['172.17.0.2', 'web'],
    ['10.1.0.2', 'web'],
  ]);
});

test('resolv.conf is read as the C library does', () => {
  const text =
    '# made by something\nnameserver 127.0.0.53\nnameserver  192.0.2.1 \nnameserver fe80::1%eth0\nnameserver x\n' +
    'domain a.test\nsearch b.test c.test\noptions edns0 trust-ad\noptions ndots:1\nsortlist 10.0.0.0\n';
  const conf = parseResolvConf(text);
  assert.deepEqual(conf, {
    servers: ['127.0.0.53', '192.0.2.1', 'fe80::1%eth0'],
    search: ['b.test', 'c.test'],
    options: ['edns0', 'trust-ad', 'ndots:1'],
  });
  assert.deepEqual(reachableByPods(conf), ['192.0.2.1']);
});
