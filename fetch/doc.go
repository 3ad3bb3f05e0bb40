// Package fetch downloads large files, such as trained weights, so that
// nothing is lost and nothing is taken on trust twice, and knows the models that
// encoders read: a [Catalog] in the program, to which the user may add.
//
// A download goes into NAME.part beside its target and takes the name when it is
// whole and on disk; a kill leaves the part, and the next run goes on from it
// (HTTP Range, with If-Range so that a file that has changed on the server is
// fetched anew). A server that is silent for too long is given up, but a slow
// one is not: there is no limit on the whole. The SHA-256 of the file is
// recorded in NAME.sha256, in the form that sha256sum reads, and every later
// [Get] verifies the file against it. Processes that want the same file wait for
// one another.
//
// [Pull] fetches the files of a [Model] into its folder, or copies them from a local
// mirror; [Verify] reads them again; [ModelDir] is the folder of what a user names.
//
// Proxies come from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
package fetch
