import { row } from '../body/rows.ts';
import { authOf } from '../images/auth.ts';
import type { Operation } from '../operation.ts';

export const auth: Operation = {
  method: 'POST',
  path: '/auth',
  body: [
    row('yes', 'username', 'string', 'me'),
    row('yes', 'password', 'string', 'secret'),
    row('yes', 'auth', 'string', 'bWU6c2VjcmV0'),
    row('yes', 'serveraddress', 'string', 'localhost:5000'),
    row('yes', 'identitytoken', 'string', 'token'),
    row('yes', 'registrytoken', 'string', 'token'),
    row('partly', 'email', 'string', 'me@example.org', { kept: true, note: 'no registry uses it any more' }),
  ],
  async run({ images }, call) {
    const { body } = await call.body('refuse');
    const server = String(body.serveraddress ?? '') || 'docker.io';
    const status = await images.login(call.caller, server, authOf(body) ?? {});
    call.json(200, { Status: status, IdentityToken: '' });
  },
};
