#!/bin/sh
# Runs one of Courier's services in the foreground, with the settings of its packages: serve.sh auth|imap|imaps|pop3|pop3s.
# $CERTIFICATE is a PEM file with key and certificate.
set -eu
lib=/usr/lib/courier/courier
tls="TLS_CERTFILE=$CERTIFICATE TLS_PROTOCOL=TLSv1.2++ TLS_VERIFYPEER=NONE COURIERTLS=/usr/bin/couriertls TLS_CACHEFILE= TLS_CACHESIZE=0"
tcpd="couriertcpd -address=127.0.0.1 -maxprocs=40 -maxperip=40 -nodnslookup -noidentlookup"

set -a
case $1 in
auth)
	. /etc/courier/authdaemonrc
	exec /usr/lib/courier/courier-authlib/authdaemond
	;;
imap*)
	. /etc/courier/imapd
	IMAP_STARTTLS=YES IMAPDSTARTTLS=YES
	;;
pop3*)
	. /etc/courier/pop3d
	POP3_STARTTLS=YES POP3AUTH="LOGIN PLAIN"
	;;
esac
set +a
# shellcheck disable=SC2086 # words on purpose
case $1 in
imap) exec env $tls $tcpd 143 $lib/imaplogin /usr/bin/imapd Maildir ;;
imaps) exec env $tls IMAP_TLS=1 $tcpd 993 /usr/bin/couriertls -server -tcpd $lib/imaplogin /usr/bin/imapd Maildir ;;
pop3) exec env $tls $tcpd 110 $lib/courierpop3login $lib/courierpop3d Maildir ;;
pop3s) exec env $tls POP3_TLS=1 $tcpd 995 /usr/bin/couriertls -server -tcpd $lib/courierpop3login $lib/courierpop3d Maildir ;;
esac
