import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dropsForwarded } from './host-facts.ts';
import { type HostRules, renderHostRules } from './host-rules.ts';
import { renderVpcRules } from './vpc-rules.ts';

const rules: HostRules = {
  table: 'kraud-abc',
  linkPrefix: 'kvabc',
  networks: [
    { subnet: '172.17.0.0/16', internal: false },
    { subnet: '10.1.0.0/24', internal: true },
  ],
  ports: [
    {
      podAddress: '172.17.0.2',
      mapping: { protocol: 'tcp', podPort: 80, hostIp: '0.0.0.0', hostPort: 8080 },
    },
    {
      podAddress: '172.17.0.2',
      mapping: { protocol: 'udp', podPort: 53, hostIp: '127.0.0.1', hostPort: 5353 },
    },
  ],
  forwardPorts: true,
};

const golden = (name: string): string => readFileSync(new URL(`./golden/${name}`, import.meta.url), 'utf8');

test('the firewall tables are the ones reviewed in golden/', () => {
  assert.equal(`${renderHostRules(rules).join('\n')}\n`, golden('host.nft'));
  assert.equal(
    `${renderVpcRules([{ subnet: '172.17.0.0/16', ours: '172.17.4.0' }, { subnet: '10.1.0.0/24' }]).join('\n')}\n`,
    golden('vpc.nft'),
  );
});

test('where a foreign firewall drops forwarded packets, no port is led past user space', () => {
  const text = renderHostRules({ ...rules, forwardPorts: false }).join('\n');
  assert.doesNotMatch(text, /8080|5353/);
});

test('a foreign firewall is noticed by its policy', () => {
  const chain = (more: object) => ({
    nftables: [
      { metainfo: {} },
      { chain: { family: 'ip', table: 'filter', hook: 'forward', policy: 'drop', ...more } },
    ],
  });
  assert.equal(dropsForwarded(chain({}), 'kraud-abc'), true);
  for (const more of [{ policy: 'accept' }, { hook: 'input' }, { family: 'ip6' }, { table: 'kraud-abc' }]) {
    assert.equal(dropsForwarded(chain(more), 'kraud-abc'), false, JSON.stringify(more));
  }
  assert.equal(dropsForwarded({}, 'kraud-abc'), false);
});
