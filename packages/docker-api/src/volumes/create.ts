import { row } from '../body/rows.ts';
import type { Operation } from '../operation.ts';
import { volumeOf } from './show.ts';

export const createVolume: Operation = {
  method: 'POST',
  path: '/volumes/create',
  body: [
    row('yes', 'Name', 'string', 'data'),
    row('yes', 'Driver', 'string', 'local', { note: 'local' }),
    row(
      'yes',
      'DriverOpts',
      'labels',
      { size: '1g' },
      {
        note: 'of the driver; size; type=tmpfs with its options in o, of which each container has one of its own; for the owner of the local socket type=none, o=bind, device=PATH',
      },
    ),
    row('yes', 'Labels', 'labels', { a: 'b' }),
    row('refused', 'ClusterVolumeSpec', 'any', { Group: 'x' }, { note: 'cluster volumes' }),
  ],
  async run({ volumes }, call) {
    const { body: checked } = await call.body('refuse');
    const body = checked as {
      Name?: string;
      Driver?: string;
      DriverOpts?: Record<string, string>;
      Labels?: Record<string, string>;
    };
    const view = await volumes.create(call.caller, {
      name: body.Name ?? '',
      driver: body.Driver || 'local',
      options: body.DriverOpts ?? {},
      labels: body.Labels ?? {},
    });
    call.json(201, volumeOf(view));
  },
};
