import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPortCount, resolveExposed, resolvePorts } from './ports.ts';

test('a port that the draft and the image expose is one', () => {
  const draft = { exposed: [{ port: 80, protocol: 'tcp' as const }] };
  assert.deepEqual(resolveExposed(draft, ['80/tcp', '80/udp', '81']), [
    { port: 80, protocol: 'tcp' },
    { port: 80, protocol: 'udp' },
    { port: 81, protocol: 'tcp' },
  ]);
});

test('all exposed ports are published, those that were named where they were named', () => {
  const named = { protocol: 'tcp' as const, podPort: 80, hostIp: '', hostPort: 8080 };
  const exposed = resolveExposed({ exposed: [] }, ['80/tcp', '81/tcp']);
  assert.deepEqual(resolvePorts({ ports: [named], publishAll: false }, exposed), [named]);
  assert.deepEqual(resolvePorts({ ports: [named], publishAll: true }, exposed), [
    named,
    { protocol: 'tcp', podPort: 81, hostIp: '', hostPort: 0 },
  ]);
});

test('every port there is may be exposed and named, without a look at each for each', () => {
  // Each read of a port counts.
  let looks = 0;
  const portsMax = 65_535;
  const one = (port: number) => ({
    protocol: 'tcp' as const,
    get port() {
      looks += 1;
      return port;
    },
  });
  const all = Array.from({ length: portsMax }, (_, i) => one(i + 1));
  const ports = all.map(({ port, protocol }) => ({ protocol, podPort: port, hostIp: '', hostPort: port }));
  const exposed = resolveExposed({ exposed: all }, ['80/tcp']);
  assert.equal(exposed.length, portsMax);
  assert.equal(resolvePorts({ ports, publishAll: true }, exposed).length, portsMax);
  assert.ok(looks < 10 * portsMax, `${looks} looks`);
});

test('one port too many is refused by its count, with the setting that says so', () => {
  const ports = [80, 81, 82].map((podPort) => ({
    protocol: 'tcp' as const,
    podPort,
    hostIp: '',
    hostPort: 0,
  }));
  checkPortCount(ports, { portsMax: 3 });
  assert.throws(() => checkPortCount(ports, { portsMax: 2 }), {
    code: 'invalid',
    message:
      "a container publishes at most 2 ports (pods.portsMax in the daemon's configuration), this one asks for 3",
  });
});
