import { KraudError } from '@kraud/base';
import type { Operation } from '../operation.ts';

const notAManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

function absent(method: Operation['method'], path: string, note: string): Operation {
  return {
    method,
    path,
    support: 'refused',
    note,
    run() {
      return Promise.reject(new KraudError('unsupported', `${method} ${path} is not supported: ${note}`));
    },
  };
}

function swarm(method: Operation['method'], path: string): Operation {
  return {
    method,
    path,
    support: 'refused',
    note: 'as on a node outside a swarm',
    run() {
      return Promise.reject(new KraudError('unavailable', notAManager));
    },
  };
}

const collection = (name: string): Operation[] => [
  swarm('GET', `/${name}`),
  swarm('POST', `/${name}/create`),
  swarm('GET', `/${name}/:id`),
  swarm('POST', `/${name}/:id/update`),
  swarm('DELETE', `/${name}/:id`),
];

/** Operations of the API that are refused by name. */
export const absentOperations: readonly Operation[] = [
  absent('GET', '/containers/:id/attach/ws', 'attach over a websocket; use POST attach'),
  absent('GET', '/containers/:id/checkpoints', 'checkpoints'),
  absent('POST', '/containers/:id/checkpoints', 'checkpoints'),
  absent('DELETE', '/containers/:id/checkpoints/:checkpoint', 'checkpoints'),
  absent('GET', '/images/search', 'searching a registry'),
  absent('GET', '/distribution/:name+/json', 'asking a registry without pulling'),
  absent('POST', '/build', 'building images'),
  absent('POST', '/build/cancel', 'building images'),
  absent('POST', '/session', 'building images'),
  absent('POST', '/grpc', 'building images'),
  absent('POST', '/networks/create', 'networks of a user'),
  absent('POST', '/networks/:id/connect', 'a pod is on the network that it was made with'),
  absent('POST', '/networks/:id/disconnect', 'a pod is on the network that it was made with'),
  absent('GET', '/plugins/privileges', 'plugins'),
  absent('POST', '/plugins/pull', 'plugins'),
  absent('POST', '/plugins/create', 'plugins'),
  absent('GET', '/plugins/:name/json', 'plugins'),
  absent('DELETE', '/plugins/:name', 'plugins'),
  absent('POST', '/plugins/:name/enable', 'plugins'),
  absent('POST', '/plugins/:name/disable', 'plugins'),
  absent('POST', '/plugins/:name/upgrade', 'plugins'),
  absent('POST', '/plugins/:name/push', 'plugins'),
  absent('POST', '/plugins/:name/set', 'plugins'),
  absent('POST', '/swarm/init', 'swarms'),
  absent('POST', '/swarm/join', 'swarms'),
  swarm('GET', '/swarm'),
  swarm('POST', '/swarm/leave'),
  swarm('POST', '/swarm/update'),
  swarm('GET', '/swarm/unlockkey'),
  swarm('POST', '/swarm/unlock'),
  swarm('GET', '/nodes'),
  swarm('GET', '/nodes/:id'),
  swarm('DELETE', '/nodes/:id'),
  swarm('POST', '/nodes/:id/update'),
  ...collection('services'),
  swarm('GET', '/services/:id/logs'),
  swarm('GET', '/tasks'),
  swarm('GET', '/tasks/:id'),
  swarm('GET', '/tasks/:id/logs'),
];
