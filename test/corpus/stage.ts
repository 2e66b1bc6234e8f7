import { deleted, type Row } from './case.js';

/** The times of all files of the image. */
export const imageTime = '2026-01-01T00:00:00.000Z';

/** What each stage of the image `corpus` has (test/lab/lib/images_more.py): file -> content. */
export const stage = {
  file: 'lower file\n',
  over: 'lower over again\n',
  program: '#!/bin/sh\nexit 0\n',
  suid: 'lower suid\n',
  capable: 'lower capable\n',
  big: '0123456789abcde\n'.repeat(4096),
  'hard-a': 'lower hard\n',
  'folder/one': 'lower folder/one\n',
  'folder/two': 'lower folder/two\n',
  'folder/sub/deep': 'lower folder/sub/deep\n',
} as const;

/** All that is below `folder` is gone. */
export const folderGone: readonly Row[] = [
  deleted('folder/one', 'file'),
  deleted('folder/sub', 'directory'),
  deleted('folder/sub/deep', 'file'),
  deleted('folder/two', 'file'),
];
