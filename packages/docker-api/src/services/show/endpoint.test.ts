import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOfService } from './endpoint.ts';

test('a service is reached as it was asked for, whenever that was', () => {
  const of = (docker: unknown) => endpointOfService({ given: docker === undefined ? {} : { docker } });
  assert.equal(of({ Name: 'web' }), 'virtual');
  assert.equal(of({ EndpointSpec: { Mode: 'vip' } }), 'virtual');
  assert.equal(of({ EndpointSpec: { Mode: 'dnsrr' } }), 'pods');
  assert.equal(of(undefined), undefined);
});
