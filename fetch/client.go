package fetch

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// newClient returns a client that follows the proxy variables and bounds each
// silence, but not the whole. done closes its connections.
func newClient(stall time.Duration) (client *http.Client, done func()) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: min(stall, 30*time.Second), KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   min(stall, 30*time.Second),
		ResponseHeaderTimeout: stall,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}
	return &http.Client{Transport: t, CheckRedirect: redirect}, t.CloseIdleConnections
}

// redirect follows up to ten hops, but none from https to http, where anybody
// on the way could put another file.
func redirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("more than ten redirects")
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("redirected from https to http")
	}
	return nil
}
